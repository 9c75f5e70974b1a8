import { Module } from "@nestjs/common";
import { DeviceIdentities, OwnCertificates } from "../auth/index.js";
import { Clock, PublicAddresses, Settings } from "../config/index.js";
import type { BrokerConnection } from "./broker-connection.js";
import { EmbeddedBroker } from "./embedded-broker.js";
import { ExternalBroker } from "./external-broker.js";
import { IngestRepository } from "./ingest.repository.js";
import { BROKER, IngestService } from "./ingest.service.js";

/** MQTT: an embedded broker, or a session with an external one when `SARTOR_MQTT_URL` is set. */
@Module({
  providers: [
    IngestRepository,
    IngestService,
    {
      provide: BROKER,
      inject: [Settings, PublicAddresses, Clock, DeviceIdentities, OwnCertificates],
      useFactory: createBroker,
    },
  ],
  exports: [IngestService],
})
export class IngestModule {}

function createBroker(
  settings: Settings,
  addresses: PublicAddresses,
  clock: Clock,
  identities: DeviceIdentities,
  certificates: OwnCertificates,
): BrokerConnection {
  if (settings.externalMqttUrl !== undefined) {
    return new ExternalBroker(
      {
        url: settings.externalMqttUrl,
        username: settings.externalMqttUsername,
        password: settings.externalMqttPassword,
        caFile: settings.externalMqttCaFile,
      },
      certificates,
    );
  }
  const { mqttPacketsPerMinute: device, mqttPacketsPerAddressMinute: address } = settings;
  return new EmbeddedBroker(
    {
      host: settings.mqttHost,
      port: settings.mqttPort,
      maximumConnections: settings.mqttMaxConnections,
      gate: { perMinute: settings.connectionsPerMinute, handshakes: settings.handshakesPerAddress },
      packetsPerMinute: { device, address },
      listening: (port) => addresses.mqttListens(port),
      now: () => clock.now(),
    },
    identities,
    certificates,
  );
}
