import { variantBuildRequestSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { FIRST_CHOICES, toBuildRequest } from "./build-request.js";

describe("the form that starts a build", () => {
  it("asks at first for what the server itself would take", () => {
    expect(variantBuildRequestSchema.parse(toBuildRequest(FIRST_CHOICES))).toEqual(variantBuildRequestSchema.parse({}));
  });

  it("asks for what was chosen: named variants, other samples, none at all, a stricter policy", () => {
    const datasetId = "01JD0000000000000000000001";
    const request = toBuildRequest({
      ...FIRST_CHOICES,
      fitting: false,
      variants: ["int8-u8s8", "fp16"],
      calibration: datasetId,
      evaluation: "none",
      maximumLossPoints: "0.3",
      minimumAccuracyPercent: "98",
      pruningPercent: "40",
    });
    expect(variantBuildRequestSchema.parse(request)).toMatchObject({
      variants: ["int8-u8s8", "fp16"],
      calibration: datasetId,
      evaluation: null,
      accuracy: { maximumLoss: 0.003, minimumAccuracy: 0.98 },
      pruning: { share: 0.4 },
    });
  });
});
