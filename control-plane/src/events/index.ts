export { EventBus } from "./event-bus.js";
export type { EventHandler, EventMap, EventName, Received } from "./event-map.js";
export { EventsModule } from "./events.module.js";
