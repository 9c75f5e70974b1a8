import { ERROR_AREAS } from "@sartor/shared/errors";

/** Renders docs/errors.md from the tables of error codes, an area a section. */
export function renderErrorsPage(): string {
  const lines = [
    "# Error codes",
    "",
    "<!-- Written by `npm run docs:errors` from shared/src/errors/codes. Change those tables, not this page. -->",
    "",
    "Every refusal of Sartor carries one of these codes, in HTTP replies, in messages of devices and in logs, together with a",
    "sentence about the case at hand. A code never changes its meaning and is never used again for another. An HTTP reply has",
    'the form `{ "code": …, "message": …, "details"?: … }` and the status in the table; a failed deployment names its code on the',
    "rollout's page.",
  ];
  for (const { title, codes } of ERROR_AREAS) {
    lines.push("", `## ${title}`, "", "| code | HTTP status | what happened | what to do |", "|---|---|---|---|");
    for (const [code, { status, meaning, action }] of Object.entries(codes)) {
      lines.push(`| \`${code}\` | ${status} | ${cell(meaning)} | ${cell(action)} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
