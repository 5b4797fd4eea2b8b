/**
 * How deep messages may nest when the Protobuf library decodes them. An event may have 256 levels. JSON nests once for
 * each level and a Struct in binary form three times, so this limit refuses no valid event.
 */
export const recursionLimit = 1024;
