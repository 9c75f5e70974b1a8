import { Injectable } from "@nestjs/common";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What `/metrics` tells. Labels are bounded: routes by their pattern, kinds by their list, never device ids. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly httpDuration = new Histogram({
    name: "sartor_http_request_duration_seconds",
    help: "Time from a request's arrival to the end of its reply.",
    labelNames: ["method", "route", "status"] as const,
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.registry],
  });

  readonly mqttMessages = new Counter({
    name: "sartor_mqtt_messages_total",
    help: "Messages of devices, by kind and what became of them.",
    labelNames: ["kind", "outcome"] as const,
    registers: [this.registry],
  });

  readonly mqttRefusals = new Counter({
    name: "sartor_mqtt_refusals_total",
    help: "MQTT connections and requests refused, by reason.",
    labelNames: ["reason"] as const,
    registers: [this.registry],
  });

  readonly tlsRefusals = new Counter({
    name: "sartor_tls_refusals_total",
    help: "Connections of devices refused before they became requests, by listener and reason.",
    labelNames: ["listener", "reason"] as const,
    registers: [this.registry],
  });

  readonly mqttConnections = new Gauge({
    name: "sartor_mqtt_connections",
    help: "MQTT connections of devices to the embedded broker.",
    registers: [this.registry],
  });

  readonly ingestLag = new Histogram({
    name: "sartor_ingest_commit_seconds",
    help: "Time from a message's arrival to its commit, after which it is acknowledged.",
    labelNames: ["kind"] as const,
    buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2, 10],
    registers: [this.registry],
  });

  readonly ingestUnderWay = new Gauge({
    name: "sartor_ingest_messages_under_way",
    help: "Messages that arrived and are not committed yet.",
    registers: [this.registry],
  });

  readonly devices = new Gauge({
    name: "sartor_devices",
    help: "Enrolled devices by presence.",
    labelNames: ["presence"] as const,
    registers: [this.registry],
    collect: () => {
      for (const [presence, count] of Object.entries(this.countDevices())) this.devices.set({ presence }, count);
    },
  });

  /** Counts devices by presence when Prometheus asks; set by the registry of devices. */
  countDevices: () => Readonly<Record<string, number>> = () => ({});

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
