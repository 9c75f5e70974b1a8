import { enrolmentKeyRequestSchema, enrolmentTokenRequestSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { FIRST_ENROLMENT, KEY_LIFETIMES, TOKEN_LIFETIMES, toKeyRequest, toTokenRequest } from "./enrolment-request.js";

describe("letting a device in from the page", () => {
  it("asks for nothing that was not chosen", () => {
    expect(toTokenRequest(FIRST_ENROLMENT)).toEqual({ lifetimeSeconds: 3_600, offlineSite: false });
  });

  it("takes kinds of hardware that were ticked and typed, each once", () => {
    const choices = { ...FIRST_ENROLMENT, hardware: new Set(["linux-x64"]), otherHardware: "Gate-Camera, linux-x64 " };
    expect(toTokenRequest({ ...choices, note: "  north gate ", replaces: " gate-1 " })).toEqual({
      lifetimeSeconds: 3_600,
      offlineSite: false,
      hardware: ["linux-x64", "gate-camera"],
      note: "north gate",
      replaces: "gate-1",
    });
  });

  it("offers only lifetimes that the control plane takes", () => {
    for (const [lifetimeSeconds] of TOKEN_LIFETIMES) {
      enrolmentTokenRequestSchema.parse(toTokenRequest({ ...FIRST_ENROLMENT, lifetimeSeconds }));
    }
    for (const [lifetimeSeconds] of KEY_LIFETIMES) {
      const request = toKeyRequest("AB:12".repeat(12).concat("ab12abcdef123456"), {
        ...FIRST_ENROLMENT,
        lifetimeSeconds,
      });
      enrolmentKeyRequestSchema.parse(request);
    }
  });
});
