import type { SigningRequestView, TrustRoleView } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ceremonyCommand, commandsOfVersion, needsOf, problemParts, sortRoles } from "./trust-words.js";

const status = { ready: true, roles: [], modelsWithoutRole: [], openRequests: 0, devices: 0, problems: [] };

describe("what an operator reads about trust", () => {
  it("names the command of a problem apart from its sentence, so that it can be copied", () => {
    expect(problemParts("No root of trust was set up: sartor keys ceremony.")).toEqual({
      text: "No root of trust was set up.",
      command: "sartor keys ceremony",
    });
    expect(problemParts("Waiting for signatures: 3; see sartor keys requests.")).toEqual({
      text: "Waiting for signatures: 3.",
      command: "sartor keys requests",
    });
    expect(problemParts("Nobody may sign road-sign: sartor keys family road-sign.")).toEqual({
      text: "Nobody may sign road-sign.",
      command: "sartor keys family road-sign",
    });
    const plain = "image root ended on 2026-01-01: devices install nothing new.";
    expect(problemParts(plain)).toEqual({ text: plain, command: null });
  });

  it("never loses a word of a problem that it does not know", () => {
    fc.assert(
      fc.property(fc.string(), (sentence) => {
        const { text, command } = problemParts(sentence);
        if (command === null) expect(text).toBe(sentence);
        else expect(sentence).toContain(command);
      }),
    );
  });

  it("gives the commands for a version in the order in which they have to be run", () => {
    const release = "sartor keys release tiny 1.0.0";
    expect(commandsOfVersion({ ...status, ready: false }, "tiny", "1.0.0")).toEqual([
      "sartor keys ceremony --family tiny",
      release,
    ]);
    expect(commandsOfVersion({ ...status, modelsWithoutRole: ["tiny"] }, "tiny", "1.0.0")).toEqual([
      "sartor keys family tiny",
      release,
    ]);
    expect(commandsOfVersion(status, "tiny", "1.0.0")).toEqual([release]);
    expect(ceremonyCommand(status)).toBe("sartor keys ceremony");
    expect(ceremonyCommand({ modelsWithoutRole: ["a", "b"] })).toBe("sartor keys ceremony --family a b");
  });

  it("says of a request whose signatures are missing, and asks nobody who has signed or is not needed any more", () => {
    const needs: SigningRequestView["needs"] = [
      { by: "old_root", threshold: 2, keyIds: ["a", "b", "c"], signedBy: ["b"] },
      { by: "new_root", threshold: 1, keyIds: ["c", "d"], signedBy: ["d"] },
    ];
    expect(needsOf({ needs }).map(({ missing, could }) => [missing, could])).toEqual([
      [1, ["a", "c"]],
      [0, []],
    ]);
  });

  it("lists what people sign before what the server signs, and models behind the role that names them", () => {
    const role = (repository: TrustRoleView["repository"], name: string) =>
      ({ repository, role: name }) as TrustRoleView;
    const sorted = sortRoles([
      role("director", "root"),
      role("image", "timestamp"),
      role("image", "b-model"),
      role("image", "snapshot"),
      role("image", "a-model"),
      role("image", "targets"),
      role("image", "root"),
    ]).map(({ repository, role: name }) => `${repository} ${name}`);
    expect(sorted).toEqual([
      "image root",
      "image targets",
      "image a-model",
      "image b-model",
      "image snapshot",
      "image timestamp",
      "director root",
    ]);
  });
});
