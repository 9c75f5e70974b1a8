import { Controller, Get } from "@nestjs/common";
import { ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import { type SystemView, systemViewSchema } from "@sartor/shared/protocol";
import { Clock, PublicAddresses, Settings, VERSION } from "../config/index.js";
import { Database } from "../database/index.js";
import { CurrentPerson, LeastRole, type Person } from "../http/index.js";
import { IngestService } from "../ingest/index.js";
import { DevicesService } from "./devices.service.js";

@ApiTags("system")
@Controller("api/v1/system")
export class SystemController {
  readonly #startedAt: number;

  constructor(
    private readonly settings: Settings,
    private readonly addresses: PublicAddresses,
    private readonly database: Database,
    private readonly ingest: IngestService,
    private readonly devices: DevicesService,
    clock: Clock,
  ) {
    this.#startedAt = clock.now();
  }

  @LeastRole("viewer", "scoped")
  @Get()
  @ApiOperation({ summary: "What a newcomer wants to know: version, addresses, where state lives" })
  @ApiOkResponse({ standardSchema: systemViewSchema })
  async read(@CurrentPerson() person: Person): Promise<SystemView> {
    return {
      version: VERSION,
      startedAt: this.#startedAt,
      mqttUrl: this.addresses.mqttUrl(),
      httpUrl: this.addresses.httpUrl(),
      broker: this.ingest.brokerKind,
      database: this.database.description,
      stateFolder: this.settings.stateDir,
      devices: await this.devices.count(person.groups),
    };
  }
}
