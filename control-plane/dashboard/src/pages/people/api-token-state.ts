import type { ApiTokenView } from "@sartor/shared/protocol";
import type { Tone } from "../../format/index.js";

/** Parts of the REST interface that a token can be limited to. Of the shared packages the page takes types only. */
export const SCOPES = [
  "devices",
  "models",
  "rollouts",
  "trust",
  "people",
  "audit",
  "system",
] as const satisfies readonly NonNullable<ApiTokenView["scopes"]>[number][];

/** Whether a token works now. */
export function tokenState({ revokedAt, expiresAt }: ApiTokenView, now: number): { word: string; tone: Tone } {
  if (revokedAt !== null) return { word: "revoked", tone: "idle" };
  return expiresAt <= now ? { word: "ended", tone: "idle" } : { word: "works", tone: "good" };
}

/** Tokens that work before those that do not, the newest first. */
export function sortTokens(tokens: readonly ApiTokenView[], now: number): ApiTokenView[] {
  const works = (token: ApiTokenView) => Number(tokenState(token, now).word === "works");
  return [...tokens].sort((one, other) => works(other) - works(one) || other.createdAt - one.createdAt);
}
