import { Controller, Get, Header } from "@nestjs/common";
import { ApiExcludeController } from "@nestjs/swagger";
import { Public } from "./access.js";
import { Metrics } from "./metrics.js";

@ApiExcludeController()
@Controller()
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Public()
  @Get("metrics")
  @Header("content-type", "text/plain; version=0.0.4; charset=utf-8")
  read(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
