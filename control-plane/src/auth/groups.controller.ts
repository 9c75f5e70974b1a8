import { Controller, Get } from "@nestjs/common";
import { ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import { type GroupsReply, groupsReplySchema } from "@sartor/shared/protocol";
import { CurrentPerson, LeastRole, type Person } from "../http/index.js";
import { DeviceGroups } from "./device-groups.service.js";

/** Groups of devices. They exist by being named: at enrolment, or when a device is moved. */
@ApiTags("devices")
@Controller("api/v1/groups")
export class GroupsController {
  constructor(private readonly groups: DeviceGroups) {}

  @LeastRole("viewer", "scoped")
  @Get()
  @ApiOperation({ summary: "Groups that have devices, by name, as far as the credential is for them" })
  @ApiOkResponse({ standardSchema: groupsReplySchema })
  async list(@CurrentPerson() person: Person): Promise<GroupsReply> {
    return { items: await this.groups.list(person.groups) };
  }
}
