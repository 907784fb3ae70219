import { engineContract } from './engine-contract.ts'
import { memoryEngine } from './memory.ts'

engineContract('the memory engine', ({ maxChannels, maxHistoryBytes }) => memoryEngine({ maxChannels, maxHistoryBytes }))
