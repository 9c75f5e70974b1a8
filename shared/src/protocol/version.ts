/** Version of the device protocol: the `v1` in every topic and the `schemaVersion` in every message. */
export const PROTOCOL_VERSION = 1;
