import { describe, expect, it } from "vitest";
import { actionWords, actorWords } from "./audit-words.js";

describe("entries of the audit log in words", () => {
  it("say what was done, and nothing of what they do not know", () => {
    expect(actionWords("POST /api/v1/rollouts")).toBe("start a rollout");
    expect(actionWords("POST /api/v1/something-new")).toBeNull();
    expect(actionWords("constructor")).toBeNull();
  });

  it("say who did it, with the role that counted then", () => {
    expect(actorWords({ kind: "user", id: "ada", name: "ada", role: "admin" })).toEqual({
      name: "ada",
      what: "user, admin",
    });
    expect(actorWords({ kind: "system", id: null, name: null, role: null })).toEqual({
      name: "control plane",
      what: "",
    });
    expect(actorWords({ kind: "operator_token", id: null, name: "operator token", role: "admin" })).toEqual({
      name: "operator token",
      what: "admin",
    });
  });
});
