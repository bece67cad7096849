// Package helper puts an account and its key together: [Holder] takes an account from the pool for
// a process or a conversation and fetches its key from the keychain; a [Grant] has the two of them.
// [UsagePoller] and [FetchUsage] ask the service what accounts have used.
//
// It is the one place where ids meet keys. It decides neither which account is next (rotation does)
// nor where keys are kept (keychain does), and writes no file. It sends a key to nothing but the
// service's /usage. It logs nothing, and none of its errors holds a key.
package helper
