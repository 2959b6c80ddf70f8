// Package memory is the reference connector: collections in memory, every right, every fault. It shows what a connector with
// a data map has to do (open, look rows up, carry out a batch) and what it gets for it from shared/connector/walk; it stores
// nothing and is no kind of a running installation. Its run of the suite is connectortest.TestMemoryConnector.
package memory
