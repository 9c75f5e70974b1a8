import { SartorError } from "@sartor/shared/errors";

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `mqtts://host[:port]` (8883). MQTT without TLS is not spoken.
 *
 * @throws SartorError SRT_CONFIG_INVALID for anything else
 */
export function parseBrokerUrl(url: string): BrokerAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.protocol !== "mqtts:" || parsed.hostname === "") {
    throw new SartorError("SRT_CONFIG_INVALID", `${url} is no broker address: expected mqtts://host.`);
  }
  return {
    // An IPv6 host stands in brackets in an address and without them in a socket.
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? 8883 : Number(parsed.port),
  };
}
