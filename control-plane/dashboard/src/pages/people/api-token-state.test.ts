import { API_SCOPES, type ApiTokenView } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { SCOPES, sortTokens, tokenState } from "./api-token-state.js";

const token = (tokenId: string, changes: Partial<ApiTokenView> = {}): ApiTokenView => ({
  tokenId,
  name: tokenId,
  role: "viewer",
  scopes: null,
  groups: null,
  owner: null,
  createdAt: 0,
  expiresAt: 100,
  lastUsedAt: null,
  revokedAt: null,
  ...changes,
});

describe("API tokens on the page", () => {
  it("work until they end or are revoked", () => {
    expect(tokenState(token("a"), 99).word).toBe("works");
    expect(tokenState(token("a"), 100).word).toBe("ended");
    expect(tokenState(token("a", { revokedAt: 5 }), 6).word).toBe("revoked");
  });

  it("are listed with those that work first", () => {
    const tokens = [
      token("old", { createdAt: 1 }),
      token("gone", { createdAt: 9, revokedAt: 9 }),
      token("new", { createdAt: 5 }),
    ];
    expect(sortTokens(tokens, 10).map(({ tokenId }) => tokenId)).toEqual(["new", "old", "gone"]);
  });

  it("can be limited to every part that the control plane knows", () => {
    expect(SCOPES).toEqual(API_SCOPES);
  });
});
