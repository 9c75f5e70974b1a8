import type { SigningRequestView, TrustRoleView, TrustStatus } from "@sartor/shared/protocol";
import type { Tone } from "../../format/index.js";

/** A problem as a sentence, and the command that it names. */
export interface ProblemParts {
  readonly text: string;
  readonly command: string | null;
}

/** Takes the command out of a sentence of the control plane's, so that it can be copied. */
export function problemParts(sentence: string): ProblemParts {
  const found = /^(.*?)(?:[:;](?: see)?)? (sartor [a-z]+ [^.]+)\.?$/.exec(sentence);
  const [, text, command] = found ?? [];
  return text === undefined || command === undefined
    ? { text: sentence, command: null }
    : { text: `${text.replace(/\.$/, "")}.`, command };
}

/** The command that holds the key ceremony, with a release key for each model that is there. */
export function ceremonyCommand({ modelsWithoutRole }: Pick<TrustStatus, "modelsWithoutRole">): string {
  return ["sartor keys ceremony", ...(modelsWithoutRole.length === 0 ? [] : ["--family", ...modelsWithoutRole])].join(
    " ",
  );
}

/** What has to be run so that a version gets its signatures, first things first; none where the version is not the problem. */
export function commandsOfVersion(status: TrustStatus | null, model: string, version: string): string[] {
  const release = `sartor keys release ${model} ${version}`;
  if (status === null) return [release];
  if (!status.ready) return [ceremonyCommand({ modelsWithoutRole: [model] }), release];
  return status.modelsWithoutRole.includes(model) ? [`sartor keys family ${model}`, release] : [release];
}

/** The command that signs a request. */
export function signCommand({ requestId }: Pick<SigningRequestView, "requestId">): string {
  return `sartor keys sign ${requestId}`;
}

const NEED_NAMES = {
  keys: "its keys",
  old_root: "the keys of the root of now",
  new_root: "the keys of the new root",
} as const;

/** Whose signatures a request has and whose it waits for. */
export interface NeedWords {
  readonly by: string;
  /** Signatures that are still missing; 0 where this part is met. */
  readonly missing: number;
  readonly signed: number;
  readonly threshold: number;
  readonly signedBy: readonly string[];
  /** Keys that could give a missing signature. */
  readonly could: readonly string[];
}

/** What a request needs, part by part. */
export function needsOf({ needs }: Pick<SigningRequestView, "needs">): NeedWords[] {
  return needs.map(({ by, threshold, keyIds, signedBy }) => {
    const missing = Math.max(0, threshold - signedBy.length);
    return {
      by: NEED_NAMES[by],
      missing,
      signed: signedBy.length,
      threshold,
      signedBy,
      could: missing === 0 ? [] : keyIds.filter((keyId) => !signedBy.includes(keyId)),
    };
  });
}

/** The first digits of a key's id, as `sartor keys list` shows them. */
export function shortKey(keyId: string): string {
  return keyId.slice(0, 12);
}

/** How much attention a role's state wants. */
export const STATE_TONES: Readonly<Record<TrustRoleView["state"], Tone>> = {
  valid: "good",
  expiring: "warn",
  expired: "bad",
  unsigned: "bad",
};

/** What a role is for, in a sentence. */
export function rolePurpose({ repository, role, targets }: TrustRoleView): string {
  if (role === "root") return "names the keys of all other roles";
  if (role === "snapshot") return "which metadata belong together; the server renews it by itself";
  if (role === "timestamp") return "that nothing newer exists; the server renews it by itself";
  if (role === "targets") return repository === "image" ? "who may sign which model" : "what each device shall do";
  return `releases of ${role}: ${targets === 1 ? "1 bundle" : `${targets} bundles`}`;
}

const ORDER = ["root", "targets", "snapshot", "timestamp"];

/** Roles as people look at them: what they sign first, what the server signs last, the image repository before the director. */
export function sortRoles(roles: readonly TrustRoleView[]): TrustRoleView[] {
  // Families stand behind the role that names them.
  const rank = ({ role }: TrustRoleView) => (ORDER.includes(role) ? ORDER.indexOf(role) * 2 : 3);
  return [...roles].sort(
    (one, other) =>
      Number(one.repository === "director") - Number(other.repository === "director") ||
      rank(one) - rank(other) ||
      (one.role < other.role ? -1 : 1),
  );
}
