import { z } from 'zod'
import { LARGEST_BODY_BYTES } from '../body.ts'
import type { ProblemCode } from '../problem-codes.ts'
import type { HttpRoute } from '../route.ts'
import {
  formHandler,
  formQuery,
  formResponse,
  multipartBody,
  multipartHandler,
  multipartResponse,
} from './companion.ts'
import { abortHandler, completeBody, completeHandler, completeResponse } from './complete.ts'
import * as parts from './parts.ts'
import { presignHandler, type PresignHandlerDeps } from './presign.ts'
import { uploadResponse, uploadSchema } from './request.ts'
import type { ClientUploadDeps } from './start.ts'

const refused: readonly ProblemCode[] = ['request.invalid', 'request.media_type', 'request.too_large']
const unknown: readonly ProblemCode[] = ['request.invalid', 'upload.not_found', 'upload.gone']
const upload = { params: parts.uploadParams, query: parts.keyQuery, problems: unknown }

/** Lists the routes of uploads: the one of mediad, and those of the S3 protocol of Uppy's Companion. */
export function createUploadRoutes(deps: PresignHandlerDeps): readonly HttpRoute[] {
  return [
    {
      method: 'POST',
      path: '/video/pre-signed-url',
      budget: 'uploads',
      operation: {
        id: 'createUpload',
        summary: 'Request the upload of one file',
        description: 'Responds with a URL for a PUT, with a form for a browser, or with the id of an upload in parts.',
        body: uploadSchema,
        responses: { 200: { description: 'What the upload needs', schema: uploadResponse } },
        problems: refused,
      },
      handler: presignHandler(deps),
    },
    ...createStartRoutes(deps),
    ...createPartRoutes(deps),
    ...createEndRoutes(deps),
  ]
}

function createStartRoutes(deps: ClientUploadDeps): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/s3/params',
      budget: 'uploads',
      operation: {
        id: 'createUploadForm',
        summary: 'Request a form for one file, as Uppy does for small files',
        query: formQuery,
        responses: { 200: { description: 'URL and fields of the form', schema: formResponse } },
        problems: ['request.media_type'],
      },
      handler: formHandler(deps),
    },
    {
      method: 'POST',
      path: '/s3/multipart',
      budget: 'uploads',
      operation: {
        id: 'createMultipartUpload',
        summary: 'Start a multipart upload, as Uppy does for large files',
        body: multipartBody,
        responses: { 200: { description: 'Key and id of the upload', schema: multipartResponse } },
        problems: refused,
      },
      handler: multipartHandler(deps),
    },
  ]
}

function createPartRoutes(deps: ClientUploadDeps): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/s3/multipart/:uploadId/:partNumber',
      operation: {
        ...upload,
        id: 'signPart',
        summary: 'Sign the URL of one part',
        params: parts.partParams,
        responses: { 200: { description: 'URL for a PUT of the part', schema: parts.signedPart } },
        problems: [...unknown, 'request.too_large'],
      },
      handler: parts.partHandler(deps),
    },
    {
      method: 'GET',
      path: '/s3/multipart/:uploadId/batch',
      operation: {
        ...upload,
        id: 'signParts',
        summary: 'Sign the URLs of several parts',
        query: parts.batchQuery,
        responses: { 200: { description: 'URLs by part number', schema: parts.signedParts } },
        problems: [...unknown, 'request.too_large'],
      },
      handler: parts.batchHandler(deps),
    },
    {
      method: 'GET',
      path: '/s3/multipart/:uploadId',
      operation: {
        ...upload,
        id: 'listParts',
        summary: 'List the parts that were uploaded',
        description:
          'Also after the completion; the ETags are then placeholders, and the sizes add up to that of the object.',
        responses: { 200: { description: 'All parts in order', schema: parts.partList } },
      },
      handler: parts.listHandler(deps),
    },
  ]
}

function createEndRoutes(deps: ClientUploadDeps): readonly HttpRoute[] {
  return [
    {
      method: 'POST',
      path: '/s3/multipart/:uploadId/complete',
      bodyBytes: LARGEST_BODY_BYTES, // 10,000 parts have 0.65 MB
      operation: {
        ...upload,
        id: 'completeMultipartUpload',
        summary: 'Join the parts of an upload',
        description: 'Can be repeated: a completed upload gets the same response.',
        body: completeBody,
        responses: { 200: { description: 'The source is in the bucket', schema: completeResponse } },
        problems: [...unknown, 'request.too_large', 'upload.parts', 'upload.conflict'],
      },
      handler: completeHandler(deps),
    },
    {
      method: 'DELETE',
      path: '/s3/multipart/:uploadId',
      operation: {
        ...upload,
        id: 'abortMultipartUpload',
        summary: 'Abort a multipart upload and delete its parts',
        responses: { 200: { description: 'The upload is not open any more', schema: z.object({}) } },
      },
      handler: abortHandler(deps),
    },
  ]
}
