/** Whether a device can be reached, as far as is known. */
export interface Presence {
  readonly status: "online" | "offline" | "never_seen";
  /** When the status last changed, ms. */
  readonly since: number;
  /** Session that the device last said it opened; null before it said so. */
  readonly sessionId: string | null;
  /** Sessions before that one, newest first: what still arrives from them is stale. */
  readonly pastSessions: readonly string[];
  /** When anything was last heard, ms. */
  readonly lastSeenAt: number | null;
}

/** What can be heard about a device's presence. */
export type PresenceInput =
  /** The embedded broker saw its session begin or end: the truth, in order. */
  | { readonly type: "connected" | "disconnected"; readonly at: number }
  /** The device said that it opened a session. */
  | { readonly type: "online"; readonly sessionId: string; readonly at: number }
  /** The device said goodbye, or its last will did; either may be late. */
  | { readonly type: "offline"; readonly sessionId: string; readonly at: number }
  /** Any other message. */
  | { readonly type: "heard"; readonly at: number };

/** Past sessions that are remembered. */
const PAST_SESSIONS = 4;

/** Presence of a device that never connected. */
export function initialPresence(at: number): Presence {
  return { status: "never_seen", since: at, sessionId: null, pastSessions: [], lastSeenAt: null };
}

/**
 * What is known after an input. A will that arrives after the next session was opened is stale and changes nothing; so
 * is a repeated greeting of a session that was followed by another.
 */
export function nextPresence(before: Presence, input: PresenceInput): Presence {
  const seen = { ...before, lastSeenAt: input.type === "disconnected" ? before.lastSeenAt : input.at };
  switch (input.type) {
    case "connected":
      return withStatus(seen, "online", input.at);
    case "disconnected":
      return before.status === "online" ? withStatus(seen, "offline", input.at) : before;
    case "online": {
      if (before.pastSessions.includes(input.sessionId)) return before;
      const pastSessions =
        before.sessionId === null || before.sessionId === input.sessionId
          ? before.pastSessions
          : [before.sessionId, ...before.pastSessions].slice(0, PAST_SESSIONS);
      return withStatus({ ...seen, sessionId: input.sessionId, pastSessions }, "online", input.at);
    }
    case "offline": {
      const current = before.sessionId === input.sessionId;
      // A session that was never announced: only believed of a device that is not known to be online.
      if (!current && (before.status === "online" || before.pastSessions.includes(input.sessionId))) return before;
      return withStatus({ ...before, sessionId: input.sessionId }, "offline", input.at);
    }
    case "heard":
      return seen;
  }
}

function withStatus(presence: Presence, status: Presence["status"], at: number): Presence {
  return presence.status === status ? presence : { ...presence, status, since: at };
}
