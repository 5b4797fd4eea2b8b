/**
 * How deep messages may nest. An event may have 256 levels. JSON nests once per level, a Struct in binary form three
 * times.
 */
export const recursionLimit = 1024;
