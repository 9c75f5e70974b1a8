import type { Role } from "@sartor/shared/protocol";
import { useAllowed, useWho } from "../api/index.js";
import { EmptyState } from "./notice.js";

/** Properties of a {@link RoleNote}. */
export interface RoleNoteProps {
  readonly needed: Role;
  /** What it is about, as a sentence begins: "Revoking a device". */
  readonly what: string;
}

/** Says why somebody may not do something; nothing for those who may. */
export function RoleNote({ needed, what }: RoleNoteProps) {
  const allowed = useAllowed(needed);
  const who = useWho();
  if (allowed || who === null) return null;
  return (
    <p class="muted small">
      {what} needs the role {needed}; yours is {who.role}.
    </p>
  );
}

/** What stands in the place of a page that somebody may not see: their role is too low, or for some groups of devices only. */
export function RolePage({ needed, what }: RoleNoteProps) {
  const who = useWho();
  const allowed = useAllowed(needed);
  if (allowed && who !== null) {
    return (
      <EmptyState title={`${what} is for who is for all groups of devices`}>
        <p>
          Your role is {who.role}, for {who.groups?.join(", ") || "no group"}. Ask an admin of all groups.
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title={`${what} is for the role ${needed}`}>
      <p>Your role is {who?.role ?? "not known"}. Ask an admin, who can change it on the page People.</p>
    </EmptyState>
  );
}
