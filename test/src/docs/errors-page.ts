import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES, type ErrorCode } from "@sartor/shared/errors";

/** Codes of one section of the table, in its order. */
interface Section {
  readonly title: string;
  readonly codes: readonly ErrorCode[];
}

/**
 * Renders docs/errors.md from the table of error codes.
 *
 * @param tableSource text of shared/src/errors/codes.ts, whose section comments group the page
 */
export function renderErrorsPage(tableSource: string): string {
  const sections = readSections(tableSource);
  const lines = [
    "# Error codes",
    "",
    "<!-- Written by `npm run docs:errors` from shared/src/errors/codes.ts. Change that table, not this page. -->",
    "",
    "Every refusal of Sartor carries one of these codes, in HTTP replies, in messages of devices and in logs, together with a",
    "sentence about the case at hand. A code never changes its meaning and is never used again for another. An HTTP reply has",
    'the form `{ "code": …, "message": …, "details"?: … }` and the status in the table; a failed deployment names its code on the',
    "rollout's page.",
  ];
  for (const { title, codes } of sections) {
    lines.push("", `## ${title}`, "", "| code | HTTP status | what happened | what to do |", "|---|---|---|---|");
    for (const code of codes) {
      const { status, meaning, action } = ERROR_CODES[code];
      lines.push(`| \`${code}\` | ${status} | ${cell(meaning)} | ${cell(action)} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Reads the table's source below the repository's root. */
export function readTableSource(root: string): string {
  return readFileSync(join(root, "shared/src/errors/codes.ts"), "utf8");
}

/** Finds the comment lines `// --- title ---` and the codes after each. */
function readSections(source: string): Section[] {
  const sections: { title: string; codes: ErrorCode[] }[] = [];
  const table = source.slice(source.indexOf("export const ERROR_CODES"));
  for (const line of table.split("\n")) {
    const title = /^\s*\/\/ --- (.+?) -+\s*$/.exec(line)?.[1];
    if (title !== undefined) sections.push({ title: title.charAt(0).toUpperCase() + title.slice(1), codes: [] });
    const code = /^ {2}(SRT_[A-Z0-9_]+): /.exec(line)?.[1];
    if (code !== undefined) sections[sections.length - 1]?.codes.push(code as ErrorCode);
  }
  const grouped = new Set(sections.flatMap((section) => section.codes));
  const missed = (Object.keys(ERROR_CODES) as ErrorCode[]).filter((code) => !grouped.has(code));
  if (missed.length > 0 || grouped.size !== Object.keys(ERROR_CODES).length) {
    throw new Error(`shared/src/errors/codes.ts and its build differ (${missed.join(", ")}): run npm run build first.`);
  }
  return sections.filter((section) => section.codes.length > 0);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
