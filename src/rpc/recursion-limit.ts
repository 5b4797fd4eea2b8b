/** How deep messages may nest: JSON nests once per level, a binary Struct three times, and an event may have 256. */
export const recursionLimit = 1024;
