import { describe, expect, it } from "vitest";
import { describeLoadFailure } from "./load-failure.js";
import { providersOfProfile } from "./profile.js";

describe("why a model does not load", () => {
  // Messages of onnxruntime-node 1.30, shortened.
  it.each([
    ["Load model from m.onnx failed:Protobuf parsing failed.", ["cpu"], "SRT_MODEL_NOT_ONNX"],
    ["Load model from m.onnx failed:ModelProto does not have a graph.", ["cpu"], "SRT_MODEL_NOT_ONNX"],
    [
      "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library",
      ["cuda", "cpu"],
      "SRT_PROVIDER_UNAVAILABLE",
    ],
    [
      "Load model failed: Fatal error: com.example:Odd(-1) is not a registered function/op",
      ["cpu"],
      "SRT_MODEL_UNSUPPORTED",
    ],
    [
      "Unsupported model IR version: 99, max supported IR version: 12",
      ["CPUExecutionProvider"],
      "SRT_MODEL_UNSUPPORTED",
    ],
  ])("%s", (message, providers, code) => {
    expect(describeLoadFailure(new Error(message), providers)).toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});

describe("where a graph ran", () => {
  it("is read from the profile's nodes, the provider with most of them first", () => {
    const node = (provider: unknown) => ({ cat: "Node", args: { provider } });
    const profile = [
      { cat: "Session", args: {} },
      node("CPUExecutionProvider"),
      node("CUDAExecutionProvider"),
      node("CUDAExecutionProvider"),
      node(""),
      node(7),
      null,
    ];
    expect(providersOfProfile(JSON.stringify(profile))).toEqual(["CUDAExecutionProvider", "CPUExecutionProvider"]);
    expect(providersOfProfile("{}")).toEqual([]);
  });
});
