// Package helper combines an account with its key: a [Holder] takes an account from the pool for a
// process or a conversation and fetches its key from the keychain; a [Grant] holds both.
// [UsagePoller] and [FetchUsage] request the usage of accounts from the service.
//
// It is the only place where account ids and keys come together. It does not decide which account
// is next (rotation does) or where keys are kept (keychain does), and writes no file of its own. It
// reads keys through keychain.Store and sends them only to the service's /usage. It logs nothing,
// and none of its errors contains a key.
package helper
