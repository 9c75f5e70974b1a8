import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AuditEntry } from "../../protocol/index.js";
import { AUDIT_PRUNED, type AuditLink, AuditVerifier, auditHashInput, auditText, GENESIS_HASH } from "./audit-chain.js";

const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");

function chainOf(names: readonly (string | Record<string, string>)[]): AuditLink[] {
  let previousHash = GENESIS_HASH;
  return names.map((name, index) => {
    const entry: AuditEntry = {
      sequence: index + 1,
      at: index,
      actor: { kind: "system", id: null, name: null, role: null },
      address: null,
      action: typeof name === "string" ? "test" : AUDIT_PRUNED,
      target: typeof name === "string" ? { name } : name,
      outcome: "ok",
      status: null,
      correlationId: null,
    };
    const text = auditText(entry);
    const link = { sequence: index + 1, text, previousHash, hash: sha256(auditHashInput(previousHash, text)) };
    previousHash = link.hash;
    return link;
  });
}

/** The first entry that does not fit; undefined when all do and the end is the one that was kept. */
function firstBreak(links: readonly AuditLink[], kept: { sequence: number; hash: string }): number | undefined {
  const verifier = new AuditVerifier(sha256);
  for (const link of links) {
    const found = verifier.next(link);
    if (found !== undefined) return found.sequence;
  }
  return (verifier.end(kept) ?? verifier.beginning())?.sequence;
}

const chains = fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 12 }).map(chainOf);
const headOf = (links: readonly AuditLink[]) => ({ sequence: links.length, hash: links.at(-1)?.hash ?? GENESIS_HASH });

describe("a chain of audit entries", () => {
  it("holds as it was written, whatever is in it", () => {
    fc.assert(fc.property(chains, (links) => firstBreak(links, headOf(links)) === undefined));
  });

  it("shows the first entry that was changed, removed or put in, wherever it is", () => {
    fc.assert(
      fc.property(chains, fc.nat(), fc.constantFrom("change", "remove", "repeat"), (links, at, how) => {
        const index = at % links.length;
        const link = links[index] as AuditLink;
        const changed = { ...link, text: link.text.replace('"ok"', '"no"') };
        const instead = { change: [changed], remove: [], repeat: [link, link] }[how];
        const tampered = [...links.slice(0, index), ...instead, ...links.slice(index + 1)];
        expect(firstBreak(tampered, headOf(links))).toBe(how === "repeat" ? index + 2 : index + 1);
      }),
    );
  });

  it("that was pruned holds where an entry behind says up to where, and only there", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 4 }),
        fc.boolean(),
        (pruned, kept, honest) => {
          const names = Array.from({ length: pruned + kept }, (_, index) => `n${index}`);
          const [last] = chainOf(names).slice(pruned - 1);
          const told = { until: String(honest ? pruned : pruned + 1), hash: last?.hash ?? "" };
          const links = chainOf([...names, told]).slice(pruned);
          const verifier = new AuditVerifier(sha256);
          for (const link of links) expect(verifier.next(link)).toBeUndefined();
          expect(verifier.beginning()?.sequence).toBe(honest ? undefined : 1);
          // Whoever takes one more from the beginning is found out.
          const more = new AuditVerifier(sha256);
          for (const link of links.slice(1)) more.next(link);
          if (links.length > 1) expect(more.beginning()?.sequence).toBe(1);
        },
      ),
    );
  });

  it("that was made anew from some entry on shows by an end that was kept", () => {
    const kept = headOf(chainOf(["a", "b", "c"]));
    expect(firstBreak(chainOf(["a", "x", "c"]), kept)).toBe(3);
    expect(firstBreak(chainOf(["a", "b"]), kept)).toBe(3);
  });

  it("is written alike whatever the order of an entry's keys", () => {
    const [link] = chainOf(["ü\n\u2028"]);
    const entry = JSON.parse(link?.text ?? "") as AuditEntry;
    const turned = Object.fromEntries(Object.entries(entry).reverse()) as unknown as AuditEntry;
    expect(auditText(turned)).toBe(link?.text);
    expect(link?.text.startsWith('{"action":"test","actor":{"id":null,"kind"')).toBe(true);
  });
});
