import { hostname, networkInterfaces } from "node:os";
import type { Settings } from "./settings.js";

/**
 * Under which addresses devices and people reach this control plane. The ports are known once HTTP and the broker
 * listen (port 0 takes any free one), so they are filled in at the start.
 */
export class PublicAddresses {
  readonly #settings: Settings;
  #httpPort: number;
  #devicePort: number;
  #mqttPort: number;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#httpPort = settings.httpPort;
    this.#devicePort = settings.devicePort;
    this.#mqttPort = settings.mqttPort;
  }

  /** Called once HTTP listens. */
  httpListens(port: number): void {
    this.#httpPort = port;
  }

  /** Called once the devices' HTTPS listens. */
  deviceListens(port: number): void {
    this.#devicePort = port;
  }

  /** Called once the embedded broker listens. */
  mqttListens(port: number): void {
    this.#mqttPort = port;
  }

  /**
   * Address of the devices' HTTPS.
   *
   * @param viaHost host name through which the asking device came, used when this listens on all interfaces
   */
  deviceUrl(viaHost?: string): string {
    const { publicDeviceUrl, deviceHost } = this.#settings;
    return publicDeviceUrl ?? `https://${this.#host(deviceHost, viaHost)}:${this.#devicePort}`;
  }

  /** Names and IP addresses under which devices may reach this server: what its TLS certificate has to say. */
  tlsNames(): string[] {
    const { publicDeviceUrl, publicMqttUrl, externalMqttUrl, deviceHost, mqttHost, tlsNames } = this.#settings;
    const names = new Set<string>(["localhost", "127.0.0.1", "::1", ...tlsNames]);
    for (const url of [publicDeviceUrl, externalMqttUrl === undefined ? publicMqttUrl : undefined]) {
      if (url !== undefined) names.add(new URL(url).hostname.replace(/^\[|\]$/g, ""));
    }
    for (const host of [deviceHost, mqttHost]) {
      if (!isWildcard(host)) names.add(host);
      else for (const name of ownNames()) names.add(name);
    }
    return [...names].sort();
  }

  /**
   * Address of the operators' HTTP.
   *
   * @param viaHost host name through which the asking client came, used when this listens on all interfaces
   */
  httpUrl(viaHost?: string): string {
    return this.#settings.publicHttpUrl ?? `http://${this.#host(this.#settings.httpHost, viaHost)}:${this.#httpPort}`;
  }

  /** Address of the broker, embedded or external. */
  mqttUrl(viaHost?: string): string {
    return (
      this.#settings.publicMqttUrl ??
      withoutCredentials(this.#settings.externalMqttUrl) ??
      `mqtts://${this.#host(this.#settings.mqttHost, viaHost)}:${this.#mqttPort}`
    );
  }

  #host(listening: string, viaHost: string | undefined): string {
    const host = isWildcard(listening) ? (viaHost ?? "localhost") : listening;
    return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  }
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "";
}

/** This machine's name and the addresses of its interfaces. Link-local ones are left out: they mean nothing without their zone. */
function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  return [hostname(), ...addresses.filter((address) => !/^fe80:/i.test(address))];
}

/** The control plane's own account on the broker is nobody else's business. */
function withoutCredentials(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
