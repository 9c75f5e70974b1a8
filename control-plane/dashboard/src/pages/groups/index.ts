export { DeviceGroup } from "./device-group.js";
export { GroupField } from "./group-field.js";
export { groupsOf, type KnownGroup, parseGroups, scopeWords } from "./group-words.js";
export { ScopeField } from "./scope-field.js";
