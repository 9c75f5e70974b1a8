import type { ResolvedProfile } from "@sartor/shared/domain/hardware";

/** Kinds of hardware in the order in which they take turns; what nothing is known of comes last. */
const KINDS = [/orin/, /^raspberry-pi/, /^x86-64/, /^rk/, /^nvidia/, /^jetson/, /^intel/, /^arm64/, /./];

const kindOf = (id: string): number => KINDS.findIndex((kind) => kind.test(id));

/** The same profiles, the kinds of hardware taking turns; within a kind by id. */
export function inTurns(profiles: readonly ResolvedProfile[]): ResolvedProfile[] {
  const sorted = [...profiles].sort((a, b) => (a.id < b.id ? -1 : 1));
  const turn = new Map(
    sorted.map((profile) => [
      profile.id,
      sorted.filter((other) => kindOf(other.id) === kindOf(profile.id) && other.id < profile.id).length,
    ]),
  );
  return sorted.sort(
    (a, b) => (turn.get(a.id) ?? 0) - (turn.get(b.id) ?? 0) || kindOf(a.id) - kindOf(b.id) || (a.id < b.id ? -1 : 1),
  );
}
