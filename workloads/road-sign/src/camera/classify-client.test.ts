import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseReply } from "./classify-client.js";

describe("a device's answer", () => {
  it("is read when it names a class", () => {
    const text = JSON.stringify({
      model_name: "road-sign",
      class: { index: 14, label: "Stop", probability: 0.98 },
      top: [],
    });
    expect(parseReply(text)).toEqual({ kind: "classified", index: 14, label: "Stop", probability: 0.98 });
  });

  it.each(["", "no", "null", "[]", "{}", '{"class":null}', '{"class":{"index":"14","label":"Stop","probability":1}}'])(
    "counts as a failure when it is %j",
    (text) => {
      expect(parseReply(text).kind).toBe("failed");
    },
  );

  it("never throws, whatever it is", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseReply(text)));
  });
});
