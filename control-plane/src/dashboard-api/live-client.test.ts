import { describe, expect, it } from "vitest";
import { LiveClient, MOST_BUFFERED_BYTES } from "./live-client.js";

function socket() {
  const sent: string[] = [];
  return {
    sent,
    readyState: 1,
    bufferedAmount: 0,
    send: (text: string) => void sent.push(text),
    close: () => undefined,
  };
}

describe("a live client", () => {
  it("misses events while it is too slow and is told to read again once it caught up", () => {
    const slow = socket();
    const client = new LiveClient(slow, null);
    client.send(["one"]);
    slow.bufferedAmount = MOST_BUFFERED_BYTES + 1;
    client.send(["two", "three"]);
    client.recover();
    expect(slow.sent).toEqual(["one"]);
    slow.bufferedAmount = 0;
    client.recover();
    client.recover();
    client.send(["four"]);
    expect(slow.sent).toEqual(["one", '{"type":"resync"}', "four"]);
  });

  it("is not written to once it closes", () => {
    const closing = { ...socket(), readyState: 2 };
    new LiveClient(closing, null).send(["one"]);
    expect(closing.sent).toEqual([]);
  });
});
