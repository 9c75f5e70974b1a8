import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ERROR_CODES } from "@sartor/shared/errors";
import { describe, expect, it } from "vitest";
import { loadSourceTree } from "../layers/source-tree.js";
import { renderErrorsPage } from "./errors-page.js";

const ROOT = resolve(import.meta.dirname, "../../..");

/** Codes that are promised before anything throws them, each with the reason. Remove the line once the code is used. */
const RESERVED: Readonly<Record<string, string>> = {};

describe("docs/errors.md", () => {
  it("says exactly what the tables of error codes say (npm run docs:errors)", () => {
    expect(readFileSync(join(ROOT, "docs/errors.md"), "utf8")).toBe(renderErrorsPage());
  });

  it("gives each code a sentence about what happened and one about what to do", () => {
    const statuses = Object.values(ERROR_CODES).map((entry) => entry.status);
    expect(statuses.every((status) => status >= 400 && status <= 599)).toBe(true);
    for (const [code, { meaning, action }] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^SRT_[A-Z0-9]+(?:_[A-Z0-9]+)*$/);
      expect(meaning, code).toMatch(/^[A-Z].*\.$/);
      expect(action, code).toMatch(/^[A-Z].*\.$/);
    }
  });

  it("lists only codes that something throws or that are reserved", () => {
    const sources = [...loadSourceTree(ROOT).files.values()].filter(
      (file) => !file.isTest && !file.path.startsWith("shared/src/errors/codes/"),
    );
    const text = sources.map((file) => withoutComments(readFileSync(join(ROOT, file.path), "utf8"))).join("\n");
    const used = new Set(text.match(/\bSRT_[A-Z0-9_]+/g));
    const unused = Object.keys(ERROR_CODES).filter((code) => !used.has(code) && !(code in RESERVED));
    const needlesslyReserved = Object.keys(RESERVED).filter((code) => used.has(code) || !(code in ERROR_CODES));
    expect({ unused, needlesslyReserved }).toEqual({ unused: [], needlesslyReserved: [] });
  });

  it("leaves no code unlisted that a source names", () => {
    const named = new Set<string>();
    for (const file of loadSourceTree(ROOT).files.values()) {
      if (file.isTest) continue;
      const text = readFileSync(join(ROOT, file.path), "utf8");
      for (const code of text.match(/"SRT_[A-Z0-9_]+"/g) ?? []) named.add(code.slice(1, -1));
    }
    expect([...named].filter((code) => !(code in ERROR_CODES))).toEqual([]);
  });
});

/** A code that only a comment names is not thrown. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(?<!:)\/\/.*$/gm, "");
}
