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

/** Shows what only some may do to those who may. */
export function Allowed({ to, children }: { readonly to: Role; readonly children: ComponentChildren }) {
  return useAllowed(to) ? children : null;
}
