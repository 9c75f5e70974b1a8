import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { SartorError } from "@sartor/shared/errors";

/**
 * Refuses what a web page on another site makes a browser send: pages may post to loopback addresses without asking, and would
 * fill the device's telemetry. Programs send no `Origin`. A page that got this device's address under a name of its own (DNS
 * rebinding) shows in `Host`, so that has to be an address, `localhost` or this machine's name.
 *
 * @throws SartorError SRT_FORBIDDEN
 */
export function checkSameSite({ origin, host }: IncomingHttpHeaders, ownName: string = hostname()): void {
  if (origin === undefined) return;
  const name = hostOf(`http://${host ?? ""}`);
  const isOwn =
    name !== undefined &&
    (isIP(name.replace(/^\[|\]$/g, "")) !== 0 || name === "localhost" || name === ownName.toLowerCase());
  if (isOwn && hostOf(origin) === name) return;
  throw new SartorError("SRT_FORBIDDEN", "A web page of another site may not use this device's inference endpoint.");
}

function hostOf(address: string): string | undefined {
  return URL.canParse(address) ? new URL(address).hostname.toLowerCase() : undefined;
}
