import { Settings } from "./settings.js";

/**
 * Under which addresses devices and people reach this control plane. The ports are known once HTTP and the broker
 * listen (port 0 takes any free one), so they are filled in at the start.
 */
export class PublicAddresses {
  readonly #settings: Settings;
  #httpPort: number;
  #mqttPort: number;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#httpPort = settings.httpPort;
    this.#mqttPort = settings.mqttPort;
  }

  /** Called once HTTP listens. */
  httpListens(port: number): void {
    this.#httpPort = port;
  }

  /** Called once the embedded broker listens. */
  mqttListens(port: number): void {
    this.#mqttPort = port;
  }

  /**
   * Address of HTTP.
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
      `mqtt://${this.#host(this.#settings.mqttHost, viaHost)}:${this.#mqttPort}`
    );
  }

  #host(listening: string, viaHost: string | undefined): string {
    const wildcard = listening === "0.0.0.0" || listening === "::" || listening === "";
    const host = wildcard ? (viaHost ?? "localhost") : listening;
    return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  }
}

/** The control plane's own account on the broker is nobody else's business. */
function withoutCredentials(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
