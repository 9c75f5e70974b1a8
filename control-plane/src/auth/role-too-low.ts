import { SartorError } from "@sartor/shared/errors";
import type { Role } from "@sartor/shared/protocol";
import type { Person } from "../http/index.js";

/** Somebody wants what their role does not allow. @param what that is, as a sentence begins with it */
export function roleTooLow(needed: Role, { name, role }: Person, what = "This"): SartorError {
  return new SartorError("SRT_ROLE_TOO_LOW", `${what} needs the role ${needed}; ${name} is ${role}.`, {
    details: { needed, role },
  });
}
