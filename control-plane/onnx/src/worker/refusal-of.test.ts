import { SartorError } from "@sartor/shared/errors";
import { describe, expect, it } from "vitest";
import { refusalOf } from "./refusal-of.js";

describe("what a worker could not do", () => {
  it("comes back with its code and its sentence where it was foreseen", () => {
    const body = new SartorError("SRT_DATASET_INVALID", "There are no labels.", { details: { sample: 3 } }).toBody();
    expect(refusalOf(body)).toMatchObject({ name: "SartorError", ...body });
  });

  it("is no message for people where it was not: paths and the like stay inside", () => {
    const body = SartorError.from(new Error("ENOENT: no such file, open '/var/lib/secret/model.onnx'")).toBody();
    expect(refusalOf(body)).not.toBeInstanceOf(SartorError);
    expect(refusalOf(body).message).toContain("ENOENT");
  });
});
