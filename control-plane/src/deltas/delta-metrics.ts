import { Injectable } from "@nestjs/common";
import { Counter, Gauge, Histogram } from "prom-client";
import { Metrics } from "../http/index.js";

/** What `/metrics` tells of differences; labels are of short lists. */
@Injectable()
export class DeltaMetrics {
  /** Answers to devices: `offered`, `pending`, `busy`, or why none is offered. */
  readonly asked: Counter<"outcome">;
  /** Ends of makings: `ready`, `not_worth_it`, `could_not_be_made`. */
  readonly made: Counter<"outcome">;
  readonly makeSeconds: Histogram;
  /** Bytes that devices were spared, against the chunks that they lack; a difference that is resumed counts once. */
  readonly savedBytes: Counter;
  readonly waiting: Gauge;
  readonly storeBytes: Gauge;

  constructor({ registry }: Metrics) {
    const registers = [registry];
    this.asked = new Counter({
      name: "sartor_delta_requests_total",
      help: "Requests of devices for differences, by what was answered.",
      labelNames: ["outcome"] as const,
      registers,
    });
    this.made = new Counter({
      name: "sartor_deltas_made_total",
      help: "Differences whose making ended, by how.",
      labelNames: ["outcome"] as const,
      registers,
    });
    this.makeSeconds = new Histogram({
      name: "sartor_delta_make_seconds",
      help: "Time to make a difference and to check it, whether it was worth it or not.",
      buckets: [0.5, 1, 2, 5, 10, 30, 60, 300],
      registers,
    });
    this.savedBytes = new Counter({
      name: "sartor_delta_saved_bytes_total",
      help: "Bytes that devices did not have to fetch, against the chunks that they lack.",
      registers,
    });
    this.waiting = new Gauge({
      name: "sartor_deltas_waiting",
      help: "Differences that wait to be made.",
      registers,
    });
    this.storeBytes = new Gauge({
      name: "sartor_delta_store_bytes",
      help: "Bytes of all differences that are kept.",
      registers,
    });
  }
}
