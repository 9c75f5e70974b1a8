import { FILE_RULES, type LintInput, PROFILE_RULES } from "./lint-rules.js";

/** One thing that is wrong with a profile or a template. */
export interface LintProblem {
  /** Id of the profile or template. */
  readonly file: string;
  /** The rule's name, stable. */
  readonly rule: string;
  /** What is wrong, for the person who wrote the file. */
  readonly text: string;
}

/** Finds everything that the schema cannot: profiles that shadow each other, facts without a source, facts said twice. */
export function lintProfiles(input: LintInput): LintProblem[] {
  const perProfile = input.profiles.flatMap((profile) =>
    Object.entries(PROFILE_RULES).flatMap(([rule, check]) =>
      check(profile, input).map((text) => ({ file: profile.file.id, rule, text })),
    ),
  );
  const files = [...input.profiles.map((profile) => profile.file), ...input.templates.values()];
  const perFile = files.flatMap((file) =>
    Object.entries(FILE_RULES).flatMap(([rule, check]) =>
      check(file, input).map((text) => ({ file: file.id, rule, text })),
    ),
  );
  return [...perProfile, ...perFile];
}
