import type { FirmwareProfileView, TailoringPlan } from "@sartor/shared/protocol";

const BEGIN = "<!-- choices: written by `npm run docs:choices`, which asks a control plane; not by hand -->";
const END = "<!-- /choices -->";

/** Columns of the table of choices, in order. */
export const CHOICE_COLUMNS = [
  "firmware profile",
  "variant",
  "provider",
  "threads",
  "expected ms",
  "first reason",
  "another runtime would open up",
] as const;

/** What a device of a firmware profile gets. */
export interface Choice {
  readonly profile: Pick<FirmwareProfileView, "id">;
  readonly plan: Pick<TailoringPlan, "candidates" | "summary" | "unlocks">;
}

/** The table as Markdown, profiles by id: each with the first candidate of its plan, or with the reason why there is none. */
export function renderChoices(choices: readonly Choice[]): string {
  const rows = [...choices]
    .sort((a, b) => (a.profile.id < b.profile.id ? -1 : 1))
    .map(({ profile, plan }) => {
      const [first] = plan.candidates;
      const unlocks = plan.unlocks.map(({ executionProvider, adapter }) => `${executionProvider} by ${adapter}`);
      const more = unlocks.length === 0 ? "-" : unlocks.join(", ");
      if (first === undefined) return [profile.id, "none", "-", "-", "-", plan.summary, more];
      const { variant, executionProvider, intraOpThreads, predicted, reasons } = first;
      const latency = predicted.latencyMs.typical.toPrecision(2);
      return [profile.id, variant.name, executionProvider, String(intraOpThreads), latency, reasonOf(reasons), more];
    });
  return [CHOICE_COLUMNS, CHOICE_COLUMNS.map(() => "---"), ...rows]
    .map((row) => `| ${row.map(cell).join(" | ")} |`)
    .join("\n");
}

/** Puts the block between its markers. @throws Error when the page has no markers */
export function replaceChoices(page: string, block: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("The page has no markers for the table of choices.");
  return `${page.slice(0, begin + BEGIN.length)}\n\n${block}\n\n${page.slice(end)}`;
}

/** Rows of the table that stands in a page, the heading first, as cells. @throws Error when the page has no markers */
export function readChoices(page: string): string[][] {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("The page has no markers for the table of choices.");
  return page
    .slice(begin, end)
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| -+ \|/.test(line))
    .map((line) =>
      line
        .slice(2, -2)
        .split(/(?<!\\) \| /)
        .map((text) => text.trim()),
    );
}

/** The first reason without the words that the columns before it say already: "int8 (S8S8, symmetric) on the CPU: ...". */
function reasonOf([reason = ""]: readonly string[]): string {
  return reason.replace(/^[^:]+ on [^:]+: /, "");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
