import { Module } from "@nestjs/common";
import { DeviceCredentials } from "../auth/index.js";
import { PublicAddresses, Settings } from "../config/index.js";
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
      inject: [Settings, PublicAddresses, DeviceCredentials],
      useFactory: (settings: Settings, addresses: PublicAddresses, credentials: DeviceCredentials): BrokerConnection =>
        settings.externalMqttUrl === undefined
          ? new EmbeddedBroker(
              {
                host: settings.mqttHost,
                port: settings.mqttPort,
                maximumConnections: settings.mqttMaxConnections,
                listening: (port) => addresses.mqttListens(port),
              },
              credentials,
            )
          : new ExternalBroker({
              url: settings.externalMqttUrl,
              username: settings.externalMqttUsername,
              password: settings.externalMqttPassword,
            }),
    },
  ],
  exports: [IngestService],
})
export class IngestModule {}
