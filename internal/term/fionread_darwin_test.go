package term

// FIONREAD of sys/filio.h, which x/sys does not have for macOS.
const fionread = 0x4004667f
