/** What the control plane is told by its broker. */
export interface BrokerHandlers {
  /** A device published. The message is acknowledged when the promise resolves, and not at all when it rejects. */
  message(topic: string, payload: Uint8Array): Promise<void>;
  /** A device's session began. Only an embedded broker can tell. */
  connected(deviceId: string): void;
  /** A device's session ended. Only an embedded broker can tell. */
  disconnected(deviceId: string): void;
  /** Something was refused; the reason is one of a few words, for a counter. */
  refused(reason: string, detail: string): void;
}

/** The MQTT side of the control plane: an embedded broker or a session with an external one. */
export interface BrokerConnection {
  readonly kind: "embedded" | "external";
  /** Makes it ready to publish; no device is heard yet. */
  open(handlers: BrokerHandlers): Promise<void>;
  /** Lets devices in. */
  listen(): Promise<void>;
  /** Publishes retained, at least once. An empty payload removes what is retained. */
  publishRetained(topic: string, payload: Uint8Array): Promise<void>;
  /** Ends a device's live session; without effect on an external broker. */
  disconnect(deviceId: string): void;
  /** Throws while messages cannot flow. */
  check(): Promise<void>;
  /** Lets nobody in any more, waits for messages under way, closes. */
  close(): Promise<void>;
}
