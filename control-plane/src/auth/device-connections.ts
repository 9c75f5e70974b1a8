import { Injectable } from "@nestjs/common";

/** A live connection of a device. */
export interface DeviceConnection {
  readonly deviceId: string;
  /** Serial number of the certificate that it shows. */
  readonly serial: string;
  /** When that certificate ends, ms. */
  readonly notAfter: number;
  /** `https` is asked about its certificate with each request, `mqtt` when it begins only. */
  readonly kind: "https" | "mqtt";
  /** Ends it at once. */
  close(): void;
}

/** All live connections of devices, so that access ends when it is taken away and not when a connection happens to end. */
@Injectable()
export class DeviceConnections {
  readonly #connections = new Map<string, Set<DeviceConnection>>();

  add(connection: DeviceConnection): void {
    const { deviceId } = connection;
    const known = this.#connections.get(deviceId);
    if (known === undefined) this.#connections.set(deviceId, new Set([connection]));
    else known.add(connection);
  }

  remove(connection: DeviceConnection): void {
    const known = this.#connections.get(connection.deviceId);
    known?.delete(connection);
    if (known?.size === 0) this.#connections.delete(connection.deviceId);
  }

  /** Closes a device's connections, or those of them that `which` picks. */
  close(deviceId: string, which: (connection: DeviceConnection) => boolean = () => true): void {
    for (const connection of [...(this.#connections.get(deviceId) ?? [])]) {
      if (which(connection)) connection.close();
    }
  }

  /** Closes connections whose certificate has ended. */
  closeEnded(now: number): void {
    for (const deviceId of [...this.#connections.keys()]) this.close(deviceId, ({ notAfter }) => notAfter <= now);
  }

  /** Connections of a device. */
  countOf(deviceId: string): number {
    return this.#connections.get(deviceId)?.size ?? 0;
  }
}
