import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put } from "@nestjs/common";
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type ApiTokenReply,
  type ApiTokenView,
  apiTokenListSchema,
  apiTokenReplySchema,
  apiTokenRequestSchema,
  type OperatorTokenState,
  operatorTokenStateSchema,
  type UserChange,
  type UserView,
  ulidSchema,
  userChangeSchema,
  userListSchema,
  userNameSchema,
  userRequestSchema,
  userViewSchema,
} from "@sartor/shared/protocol";
import type { z } from "zod";
import { CurrentPerson, LeastRole, type Person } from "../../http/index.js";
import { ApiTokens } from "./api-tokens.service.js";
import { Users } from "./users.service.js";

/** Users, API tokens and the operator token: for admins. */
@ApiTags("people")
@Controller("api/v1")
export class PeopleController {
  constructor(
    private readonly users: Users,
    private readonly tokens: ApiTokens,
  ) {}

  @LeastRole("admin", "fleet")
  @Get("users")
  @ApiOperation({ summary: "All users" })
  @ApiOkResponse({ standardSchema: userListSchema })
  async list(): Promise<{ items: UserView[] }> {
    return { items: await this.users.list() };
  }

  @LeastRole("admin", "fleet")
  @Post("users")
  @ApiOperation({ summary: "Add a user who logs in with a password" })
  @ApiCreatedResponse({ standardSchema: userViewSchema })
  add(@Body({ schema: userRequestSchema }) body: z.output<typeof userRequestSchema>): Promise<UserView> {
    return this.users.add(body);
  }

  @LeastRole("admin", "fleet")
  @Patch("users/:userName")
  @ApiOperation({ summary: "Change role, groups or password, or whether the user may log in" })
  @ApiOkResponse({ standardSchema: userViewSchema })
  change(
    @Param("userName", { schema: userNameSchema }) userName: string,
    @Body({ schema: userChangeSchema }) body: UserChange,
  ): Promise<UserView> {
    return this.users.change(userName, body);
  }

  @LeastRole("admin", "fleet")
  @Delete("users/:userName")
  @HttpCode(204)
  @ApiOperation({ summary: "Remove a user with all sessions and API tokens" })
  async remove(@Param("userName", { schema: userNameSchema }) userName: string): Promise<void> {
    await this.users.remove(userName);
  }

  @LeastRole("admin", "fleet")
  @Delete("users/:userName/sessions")
  @HttpCode(204)
  @ApiOperation({ summary: "End all sessions of a user at once" })
  async logOut(@Param("userName", { schema: userNameSchema }) userName: string): Promise<void> {
    await this.users.logOut(userName);
  }

  @LeastRole("admin", "fleet")
  @Get("api-tokens")
  @ApiOperation({ summary: "API tokens, the newest first; ended ones for 90 days" })
  @ApiOkResponse({ standardSchema: apiTokenListSchema })
  async listTokens(): Promise<{ items: ApiTokenView[] }> {
    return { items: await this.tokens.list() };
  }

  @LeastRole("admin", "fleet")
  @Post("api-tokens")
  @ApiOperation({ summary: "Make an API token; it is shown this once" })
  @ApiCreatedResponse({ standardSchema: apiTokenReplySchema })
  createToken(
    @Body({ schema: apiTokenRequestSchema }) body: z.output<typeof apiTokenRequestSchema>,
    @CurrentPerson() person: Person,
  ): Promise<ApiTokenReply> {
    return this.tokens.create(body, person);
  }

  @LeastRole("admin", "fleet")
  @Delete("api-tokens/:tokenId")
  @HttpCode(204)
  @ApiOperation({ summary: "Revoke an API token at once" })
  async revokeToken(@Param("tokenId", { schema: ulidSchema }) tokenId: string): Promise<void> {
    await this.tokens.revoke(tokenId);
  }

  @LeastRole("admin", "fleet")
  @Get("operator-token")
  @ApiOperation({ summary: "Whether the operator token of the state folder counts" })
  @ApiOkResponse({ standardSchema: operatorTokenStateSchema })
  async operatorToken(): Promise<OperatorTokenState> {
    return { enabled: await this.users.operatorTokenEnabled() };
  }

  @LeastRole("admin", "fleet")
  @Put("operator-token")
  @ApiOperation({ summary: "Switch the operator token off, or on again" })
  @ApiOkResponse({ standardSchema: operatorTokenStateSchema })
  async setOperatorToken(
    @Body({ schema: operatorTokenStateSchema }) { enabled }: OperatorTokenState,
    @CurrentPerson() person: Person,
  ): Promise<OperatorTokenState> {
    await this.users.setOperatorToken(enabled, person);
    return { enabled: await this.users.operatorTokenEnabled() };
  }
}
