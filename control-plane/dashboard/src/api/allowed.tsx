import type { Role, Who } from "@sartor/shared/protocol";
import { type ComponentChildren, createContext } from "preact";
import { useContext } from "preact/hooks";

/** Who is signed in; null when it could not be asked: then everything is shown, and the control plane refuses what it must. */
export const WhoContext = createContext<Who | null>(null);

/** The roles, the least first. Of the shared packages the page takes types only. */
const ORDER = { viewer: 0, operator: 1, admin: 2 } as const satisfies Record<Role, number>;

/** Who is signed in; null when it could not be asked. */
export function useWho(): Who | null {
  return useContext(WhoContext);
}

/** Tells whether whoever is signed in may do what needs a role. */
export function useAllowed(needed: Role): boolean {
  const who = useContext(WhoContext);
  return who === null || ORDER[who.role] >= ORDER[needed];
}

/** Tells whether whoever is signed in is for all groups of devices: what concerns them all at once is for nobody else. */
export function useForAllGroups(): boolean {
  const who = useContext(WhoContext);
  return who === null || who.groups === null;
}

/** Properties of {@link Allowed}. */
export interface AllowedProps {
  readonly to: Role;
  /** It concerns all groups of devices at once. */
  readonly allGroups?: boolean;
  readonly children: ComponentChildren;
}

/** Shows what only some may do to those who may. */
export function Allowed({ to, allGroups, children }: AllowedProps) {
  const isAllowed = useAllowed(to);
  const isForAll = useForAllGroups();
  return isAllowed && (isForAll || allGroups !== true) ? children : null;
}
