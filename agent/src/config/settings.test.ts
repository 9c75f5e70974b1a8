import { describe, expect, it } from "vitest";
import { readSettings } from "./settings.js";

describe("the agent's settings", () => {
  it("have defaults for everything but enrolment", () => {
    const settings = readSettings({});
    expect(settings.inferencePort).toBe(7400);
    expect(settings.inferenceHost).toBe("127.0.0.1");
    expect(settings.enrolmentToken).toBeUndefined();
  });

  it("stop the start with one sentence that names every bad one", () => {
    const environment = {
      SARTOR_INFERENCE_PORT: "70000",
      SARTOR_CONTROL_PLANE_URL: "http://somewhere",
      SARTOR_LOG_LEVEL: "loud",
    };
    expect(() => readSettings(environment)).toThrowError(
      expect.objectContaining({
        code: "SRT_CONFIG_INVALID",
        message: expect.stringMatching(/CONTROL_PLANE_URL.*PORT.*LOG_LEVEL/s),
      }),
    );
  });

  it("say which kinds of hardware the device is, or leave that to its processor", () => {
    expect(readSettings({}).hardware).toBeUndefined();
    expect(readSettings({ SARTOR_HARDWARE: "gate-camera-2, linux-arm64" }).hardware).toEqual([
      "gate-camera-2",
      "linux-arm64",
    ]);
    for (const bad of ["Gate Camera", "a,,b", ",", Array(9).fill("a").join(",")])
      expect(() => readSettings({ SARTOR_HARDWARE: bad })).toThrowError(/SARTOR_HARDWARE/);
  });

  it("take a root's fingerprint as sartor says it and as openssl does", () => {
    const bytes = Buffer.alloc(32, 0xab);
    const hex = bytes.toString("hex");
    for (const text of [bytes.toString("base64url"), hex, hex.toUpperCase().replace(/(..)(?!$)/g, "$1:")])
      expect(readSettings({ SARTOR_CA_FINGERPRINT: text }).authorityFingerprint).toBe(bytes.toString("base64url"));
    for (const bad of ["ab", hex.slice(1), `${hex}00`, hex.replace("a", "g"), bytes.toString("base64")])
      expect(() => readSettings({ SARTOR_CA_FINGERPRINT: bad })).toThrowError(/SARTOR_CA_FINGERPRINT/);
  });

  it("say so when a secret's file is missing", () => {
    expect(() => readSettings({ SARTOR_ENROLMENT_TOKEN_FILE: "/nowhere/token" })).toThrowError(
      /SARTOR_ENROLMENT_TOKEN_FILE/,
    );
  });

  it("give the runtime child the GPU's libraries and no secret", () => {
    const environment = { LD_LIBRARY_PATH: "/opt/cuda/lib", SARTOR_ENROLMENT_TOKEN: "a-very-secret-token" };
    expect(readSettings(environment).runtimeEnvironment).toEqual({ LD_LIBRARY_PATH: "/opt/cuda/lib" });
  });
});
