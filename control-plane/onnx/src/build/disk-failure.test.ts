import { SartorError } from "@sartor/shared/errors";
import { expect, it } from "vitest";
import { diskFailure } from "./disk-failure.js";

it.each(["ENOSPC", "EDQUOT"])("a disk that is full (%s) is told from a bad model, however deep it lies", (code) => {
  const full = Object.assign(new Error(`${code}: no space left, write '/var/lib/secret'`), { code });
  for (const thrown of [full, new Error("writing fp16 failed", { cause: full })]) {
    expect(diskFailure(thrown)?.toBody()).toEqual({
      code: "SRT_DISK_FULL",
      message: "There is not enough space on the control plane's disk for the build.",
    });
  }
});

it("anything else is not", () => {
  const other = Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" });
  for (const thrown of [other, new SartorError("SRT_MODEL_UNSUPPORTED", "No."), "ENOSPC", undefined]) {
    expect(diskFailure(thrown)).toBeUndefined();
  }
});
