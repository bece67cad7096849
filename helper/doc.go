// Package helper combines an account with its key. A [Holder] takes an account from the pool for a
// process or a conversation, and fetches its key from the keychain. A [Grant] has both.
// [UsagePoller] and [FetchUsage] request the usage of accounts from the service.
//
// Only this package combines account ids with keys. Package rotation decides which account is next,
// and package keychain where keys are stored. Package helper writes no files. It reads keys through
// keychain.Store and sends them only to the service's /usage. It logs nothing, and its errors
// contain no keys.
package helper
