import type { LiveEvent } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs } from "./backoff.js";
import { LiveSocket, type SocketHandle, type SocketHandlers } from "./live-socket.js";

class ScriptedSocket implements SocketHandle {
  readonly sent: string[] = [];
  closed = false;
  constructor(readonly handlers: SocketHandlers) {}
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
  says(event: unknown) {
    this.handlers.onMessage(JSON.stringify(event));
  }
}

function liveSocket() {
  const sockets: ScriptedSocket[] = [];
  const timers: { milliseconds: number; callback: () => void; canceled: boolean }[] = [];
  const states: string[] = [];
  const events: LiveEvent[] = [];
  let refused = 0;
  const live = new LiveSocket({
    credential: { kind: "token", token: "secret" },
    openSocket: (handlers) => {
      const socket = new ScriptedSocket(handlers);
      sockets.push(socket);
      return socket;
    },
    random: () => 0.5,
    after: (milliseconds, callback) => {
      const timer = { milliseconds, callback, canceled: false };
      timers.push(timer);
      return () => {
        timer.canceled = true;
      };
    },
    onEvent: (event) => events.push(event),
    onState: (state) => states.push(state),
    onRefused: () => {
      refused += 1;
    },
  });
  const fire = () => {
    const timer = timers.findLast((entry) => !entry.canceled);
    if (timer === undefined) throw new Error("no timer is running");
    timer.canceled = true;
    timer.callback();
  };
  const last = () => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  };
  return { live, sockets, timers, states, events, fire, last, refusals: () => refused };
}

describe("the live connection", () => {
  it("signs in with its first message and says live only when the server is ready", () => {
    const { live, last, states } = liveSocket();
    live.start();
    last().handlers.onOpen();
    expect(JSON.parse(last().sent[0] ?? "")).toEqual({ type: "authenticate", token: "secret" });
    expect(states).toEqual(["connecting"]);
    last().says({ type: "ready" });
    expect(states).toEqual(["connecting", "live"]);
  });

  it("comes back after a loss, waiting longer each time, and is live again", () => {
    const { live, last, states, sockets, timers, fire } = liveSocket();
    live.start();
    last().says({ type: "ready" });
    last().handlers.onClose(1006);
    expect(states.at(-1)).toBe("reconnecting");
    const firstWait = timers.at(-1)?.milliseconds ?? 0;
    fire();
    last().handlers.onClose(1006);
    expect(timers.at(-1)?.milliseconds).toBeGreaterThan(firstWait);
    fire();
    expect(sockets).toHaveLength(3);
    last().says({ type: "ready" });
    expect(states.at(-1)).toBe("live");
  });

  it("gives up a connection on which the server stays silent", () => {
    const { live, last, states, fire } = liveSocket();
    live.start();
    const silent = last();
    fire();
    expect(silent.closed).toBe(true);
    silent.says({ type: "ready" });
    expect(states.at(-1)).toBe("reconnecting");
  });

  it("has the token checked when the server refuses it, and stays away once it is stopped", () => {
    const { live, last, refusals, sockets } = liveSocket();
    live.start();
    last().handlers.onClose(1006);
    expect(refusals()).toBe(0);
    live.retryNow();
    last().handlers.onClose(1008);
    expect(refusals()).toBe(1);
    live.stop();
    live.retryNow();
    expect(sockets).toHaveLength(2);
  });

  it("is not disturbed by messages that are not events", () => {
    const { live, last, events } = liveSocket();
    live.start();
    last().handlers.onMessage("{");
    last().handlers.onMessage(new ArrayBuffer(2));
    last().handlers.onMessage("null");
    expect(events).toEqual([]);
  });

  it("never waits longer than 30 s nor less than a quarter of one", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const wait = backoffMs(attempt, random);
        expect(wait).toBeGreaterThanOrEqual(250);
        expect(wait).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});
