import { SartorError } from "@sartor/shared/errors";
import { describe, expect, it } from "vitest";
import { memoryFailure } from "./memory-failure.js";

const ARENA =
  "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, " +
  "onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 4398046511104";
const refused = (text: string) => new SartorError("SRT_MODEL_UNSUPPORTED", `ONNX Runtime refuses the model: ${text}`);

describe("a build that was given no memory", () => {
  it.each([
    ["the arena, in a kernel", `Non-zero status code returned while running Expand node. Status Message: ${ARENA}`],
    [
      "a kernel without the arena",
      "Non-zero status code returned while running Expand node. Status Message: std::bad_alloc",
    ],
    ["loading", "Exception during loading: std::bad_alloc"],
    ["initialising", "Exception during initialization: std::bad_alloc"],
  ])("is known by what ONNX Runtime 1.30 says: %s", (_, text) => {
    // As such, in the message of whoever called it, and as that one's cause.
    const wrapped = new SartorError("SRT_CALIBRATION_SHAPE", "The model fails on a sample.", {
      cause: new Error(text),
    });
    for (const thrown of [new Error(text), refused(text), wrapped]) {
      const failure = memoryFailure(thrown, 2 ** 30);
      expect(failure).toMatchObject({ code: "SRT_BUILD_MEMORY", cause: thrown });
      expect(failure?.message).toMatch(/1024 MiB.*SARTOR_BUILD_MEMORY_BYTES/);
    }
  });

  it("is known by what V8 says", () => {
    expect(memoryFailure(new RangeError("Array buffer allocation failed"), 1)?.code).toBe("SRT_BUILD_MEMORY");
    expect(memoryFailure(new RangeError("Invalid typed array length: 9e15"), 1)?.code).toBe("SRT_BUILD_MEMORY");
  });

  it("is not blamed for anything else", () => {
    expect(memoryFailure(refused("No Op registered for Telepathy"), 1)).toBeUndefined();
    expect(memoryFailure(refused("SafeIntOnOverflow() Integer overflow"), 1)).toBeUndefined();
    expect(memoryFailure(new RangeError("no run gave y"), 1)).toBeUndefined();
    expect(memoryFailure("std::bad_alloc", 1)).toBeUndefined();
  });

  it("keeps the words of who found it before", () => {
    const before = new SartorError("SRT_BUILD_MEMORY", "The model has 60 MiB.");
    expect(memoryFailure(before, 1)).toBe(before);
  });
});
