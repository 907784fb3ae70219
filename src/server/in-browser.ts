// What a browser bundle gets for `holdfast/server`: a mistake that is told in words instead of a missing `node:http`.
throw new Error('holdfast/server runs in Node. In a page import { connect } from "holdfast".')
