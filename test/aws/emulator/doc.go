// Package emulator runs what stands in for AWS in tests: ministack (all services, with Lambda and Step Functions), DynamoDB Local
// (Amazon's own DynamoDB for tests), versitygw (a strict S3) and moto (a second interpreter of state machines). Each is a process
// of its own on a free port of 127.0.0.1, started when a test first asks for it and shared by the tests of the process.
//
// The programs lie where AWS_TOOLS says, else in .tools/aws of the repository; `make tools` puts them there, by exact version.
//
//	func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }
package emulator
