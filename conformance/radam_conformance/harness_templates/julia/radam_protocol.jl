# Protocol 1 of radam-conformance: it reads cases from stdin, calls the step for each step and tensor,
# and answers on stdout. Nothing to change here: the file that includes it is yours. Written for Julia
# 1.6 and read with care, but run by none of our tests: no interpreter was at hand.

struct Refusal <: Exception
    words::String
end
unsupported(feature) = throw(Refusal("unsupported $feature"))
rejected(hyper) = throw(Refusal("rejected $hyper"))

mutable struct Tensor{T}
    t::Int
    group::Int
    x::Vector{T}
    m::Vector{T}
    v::Vector{T}
end

const DTYPES = Dict("float64" => Float64, "float32" => Float32)

count_of(word) = parse(Int, word)
number(::Type{Float64}, hex) = reinterpret(Float64, parse(UInt64, hex; base = 16))
number(::Type{Float32}, hex) = reinterpret(Float32, parse(UInt32, hex; base = 16))
numbers(T, words) = T[number(T, word) for word in words]
hex(y::Float64) = string(reinterpret(UInt64, y); base = 16, pad = 16)
hex(y::Float32) = string(reinterpret(UInt32, y); base = 16, pad = 8)
# A flag is one digit.
hyper_value(word) = length(word) == 1 ? parse(Float64, word) : number(Float64, word)

function require(words, offered)
    for word in words
        word in offered || unsupported(word)
    end
end

# The answer to a case, as one string.
function answer(lines, offered, step!)
    _, _, dtype, steps = lines[1]
    require([dtype], offered)
    return run_case(DTYPES[dtype], count_of(steps), lines, offered, step!)
end

function run_case(::Type{T}, steps, lines, offered, step!) where {T}
    tensors, observe = Tensor{T}[], Set{Int}()
    gradients, changes = Union{Nothing,Vector{T}}[], Tuple{Int,Int,String,Float64}[]
    for line in lines
        kind, words = line[1], line[2:end]
        if kind == "need"
            require(words, offered)
        elseif kind == "hyper"
            t, group = count_of(words[1]), count_of(words[2])
            push!(changes, (t, group, String(words[3]), hyper_value(words[4])))
        elseif kind == "x"
            x = numbers(T, words[4:end])
            push!(tensors, Tensor{T}(0, count_of(words[2]), x, zero(x), zero(x)))
        elseif kind == "state"
            for p in tensors
                p.t = count_of(words[1])
            end
        elseif kind == "m"
            tensors[count_of(words[1]) + 1].m = numbers(T, words[2:end])
        elseif kind == "v"
            tensors[count_of(words[1]) + 1].v = numbers(T, words[2:end])
        elseif kind == "g"
            none = length(words) == 3 && words[3] == "none"
            push!(gradients, none ? nothing : numbers(T, words[3:end]))
        elseif kind == "observe"
            union!(observe, count_of.(words))
        end
    end
    hyper, said = Dict{Int,Dict{String,Float64}}(), String[]
    for t in 1:steps
        for (from, group, name, value) in changes
            from == t && (get!(() -> Dict{String,Float64}(), hyper, group)[name] = value)
        end
        for (i, p) in enumerate(tensors)
            grads = gradients[mod1((t - 1) * length(tensors) + i, length(gradients))]
            if grads !== nothing
                p.t += 1
                step!(p.t, grads, p.x, p.m, p.v, hyper[p.group])
            end
            t in observe || continue
            for (name, values) in (("x", p.x), ("m", p.m), ("v", p.v))
                push!(said, join([name; string(t); string(i - 1); hex.(values)], " "))
            end
        end
    end
    return join([said; "end"], "\n")
end

function refusal(error)
    error isa Refusal && return error.words
    return "error " * join(split(sprint(showerror, error)), " ")
end

function serve(name, dialect, dtypes, features, step!)
    keys = "name=$name language=julia dialect=$dialect"
    lines = Vector{String}[]
    for line in eachline(stdin)
        words = String.(split(line))
        if words[1] == "quit"
            return
        elseif words[1] == "hello"
            println("hello 1 $keys dtypes=$(join(dtypes, ",")) features=$(join(features, ","))")
        elseif words[1] == "end"
            said = try
                answer(lines, [dtypes; features], step!)
            catch error
                refusal(error)
            end
            println(said)
            empty!(lines)
        else
            push!(lines, words)
        end
        flush(stdout)
    end
end
